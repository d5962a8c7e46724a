"""The numbers: pure functions on numpy arrays, no state, no I/O, no clock.

Every quantity lives in the module of its name (`analytics.black_scholes`, `analytics.implied_vol`,
`analytics.book` and so on); import from there, so that asking for one number does not load all of them.
"""
