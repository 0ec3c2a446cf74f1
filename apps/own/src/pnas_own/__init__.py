"""Take a pretrained net of your own, say how many milliseconds it may take, get the net that fits."""
