"""Parts of the charts panel: where history comes from, thinning, the plot."""
