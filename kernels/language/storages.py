"""The stored types that are not of a parameter or a gradient."""

# State alone has these, with their bytes; a kernel reads and writes them as float32 numbers that are whole.
INTEGERS = {"int8": 1, "uint8": 1, "int16": 2}
# As what an array of float32 scales is read, of which each is of so many elements in the order of memory.
SCALES, BLOCK = "scales of blocks", 256
SHIFT = BLOCK.bit_length() - 1  # of the number of an element, to that of its block
# How many bits of a weight may be kept beside one in bfloat16, and the stored type of its correction.
CORRECTIONS = {24: "int8", 32: "int16"}
# No array has these: that as which float32 numbers are written that are numbers of bfloat16, and that in the place of
# an array which a set does not have.
CUT, ABSENT = "bfloat16 as it is", "absent"


def blocks_of(elements: int) -> int:
    """How many blocks an array has, of which the last may be shorter."""
    return -(-elements // BLOCK)
