"""Pictures of a settled layout and the truth about them: who is seen where, how far away.

    scene    what stands where (objects, furniture), and under which light (`Look`)
    truth    exact depth, ids and silhouettes by rays: independent of how the picture is made
    gl       RGB by MuJoCo's OpenGL renderer (default)
    rays     RGB by our own ray-cast photographer: slow, needs no OpenGL
    blender  RGB by Blender Cycles, in an environment of its own: photo-real, slower still
    sensor   what a camera makes of light and depth: exposure, noise, holes

A renderer is a frozen dataclass whose `open(scene, look, camera)` yields a shot: T_world_cam -> RGB.
"""
