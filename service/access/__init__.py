"""Who may call, how much, and from where: API keys with scopes, rate limits, and the rule of a service without keys."""
