"""`ctl.py doctor --report`: what an issue report needs, and nothing that is nobody's business."""
