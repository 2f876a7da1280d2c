"""GANs: a discriminator or critic of real against generated."""
