"""The statements of the documents, each with the run that tests it, by what they are about."""

from ..statement import Statement
from . import adadelta, adagrad, adam, adamax, rmsprop, sparse

FAMILIES: dict[str, tuple[Statement, ...]] = {
    "adagrad": adagrad.STATEMENTS,
    "rmsprop": rmsprop.STATEMENTS,
    "adadelta": adadelta.STATEMENTS,
    "adam": adam.STATEMENTS,
    "adamax": adamax.STATEMENTS,
    "sparse": sparse.STATEMENTS,
}
STATEMENTS: dict[str, Statement] = {statement.name: statement for family in FAMILIES.values() for statement in family}
