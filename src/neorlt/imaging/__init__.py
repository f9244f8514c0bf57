"""Volumes, regions, studies; SUV, partial volume, registration, segmentation, lesion measures."""
