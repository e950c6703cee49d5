"""What operators see of the service: metrics, traces and logs."""
