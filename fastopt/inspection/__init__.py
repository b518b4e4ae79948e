"""What a rule is and costs, and what compilers made of it."""
