"""Gates that look at packages one by one."""
