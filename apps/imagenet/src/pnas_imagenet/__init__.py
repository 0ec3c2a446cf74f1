"""Search, train and ship a net for ImageNet, or for your own photographs."""
