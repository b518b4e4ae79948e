"""How arrays lie in memory, whatever their library, and what is checked of them."""
