"""To look at a data set: answers drawn on images, and the report page."""
