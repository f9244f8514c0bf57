"""Volumes, regions, studies; SUV, partial volume, registration, segmentation, lesion measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.imaging.align import align_time_points
    from neorlt.imaging.measures import RegionUptake, longest_diameter, measure_region
    from neorlt.imaging.nifti import write_nifti
    from neorlt.imaging.partial_volume import RegionActivities, correct_regions
    from neorlt.imaging.region import Region, RegionKind
    from neorlt.imaging.register import register_non_rigid, register_rigid
    from neorlt.imaging.response import compare_studies, follow_studies
    from neorlt.imaging.segment import lesion_candidates, segment_lesion
    from neorlt.imaging.study import Administration, Study
    from neorlt.imaging.suv import suv_images
    from neorlt.imaging.volume import Grid, Unit, Volume

__all__ = [
    "Administration",
    "Grid",
    "Region",
    "RegionActivities",
    "RegionKind",
    "RegionUptake",
    "Study",
    "Unit",
    "Volume",
    "align_time_points",
    "compare_studies",
    "correct_regions",
    "follow_studies",
    "lesion_candidates",
    "longest_diameter",
    "measure_region",
    "register_non_rigid",
    "register_rigid",
    "segment_lesion",
    "suv_images",
    "write_nifti",
]

__getattr__ = offers(__name__)
