"""Layout -> Priors: contacts, grasps, blockers and trajectories, once a layout (`derive` is the page to read)."""
