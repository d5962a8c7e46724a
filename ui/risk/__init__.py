"""Parts of the risk dashboard: tiles, scenario controls, P&L curve, slices, heat map, buckets, limits, betas."""
