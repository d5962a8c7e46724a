"""The parts of the order ticket: the legs as a value, price entry, tables, payoff plot and the review page."""
