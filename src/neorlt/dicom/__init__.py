"""One home for every DICOM tag: reading studies, writing images, regions, doses and reports, PACS, de-identification."""
