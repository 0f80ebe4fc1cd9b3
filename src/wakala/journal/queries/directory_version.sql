SELECT version FROM directory_version WHERE id = 1
