SELECT MAX(number) FROM migrations
