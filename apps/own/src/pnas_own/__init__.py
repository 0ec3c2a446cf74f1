"""Give a pretrained net of your own and a latency in milliseconds; get a net that fits."""
