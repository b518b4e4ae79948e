"""The compiled code of a rule's kernels, assembly, PTX and machine code, and facts read from it."""
