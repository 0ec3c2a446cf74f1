"""Search, train and ship a net for CIFAR-10, for handwritten digits or for your own small images."""
