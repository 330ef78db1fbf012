"""What is true without BOP: rigid motions, cameras, boxes, planes, meshes, curves. Metres, radians, pixels."""
