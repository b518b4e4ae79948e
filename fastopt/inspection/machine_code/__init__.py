"""What the compilers made of a rule's kernels: assembly, PTX, machine code, and what these say."""
