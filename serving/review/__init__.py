"""The pages in which leads review what was suggested, and say what may run unattended."""
