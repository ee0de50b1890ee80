"""The admission webhooks: what an API server asks us before it stores a JobSet or a pod."""
