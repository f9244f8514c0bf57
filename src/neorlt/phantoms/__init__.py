"""Digital patients and phantoms whose true activity and dose are known.

The truth here is made by another road than the estimate it judges: activity on a 2 mm grid, analytic
time-integrated activity, and absorbed dose from a Monte Carlo run shipped as numbers. Nothing in this
room uses the point kernels, voxel S-values or recovery factors of the other rooms.
"""
