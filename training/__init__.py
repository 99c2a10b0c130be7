"""From labelled walks to a bundle: split, dataset pipeline, augmentation, fitting."""
