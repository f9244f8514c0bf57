"""Commands of ``neorlt pacs``."""
