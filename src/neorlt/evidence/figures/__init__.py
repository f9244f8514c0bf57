"""Figures of the evidence, each as SVG text."""

from neorlt.evidence.figures.forest import forest_svg
from neorlt.evidence.figures.funnel import funnel_svg
from neorlt.evidence.figures.map import map_svg
from neorlt.evidence.figures.prisma import prisma_svg
from neorlt.evidence.figures.traffic import traffic_svg

__all__ = ["forest_svg", "funnel_svg", "map_svg", "prisma_svg", "traffic_svg"]
