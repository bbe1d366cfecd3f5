"""What happens when things go wrong: killed processes, cut connections, full disks, hostile bytes."""
