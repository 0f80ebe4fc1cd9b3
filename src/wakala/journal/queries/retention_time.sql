-- It stands among the duties, where a duty has its lease. Before there is one, the newest row bears witness.
SELECT COALESCE(
    (SELECT lease_us FROM duties WHERE name = 'retention'),
    (SELECT started_us FROM exchanges WHERE id > '' ORDER BY id DESC LIMIT 1),
    (SELECT created_us FROM notifications WHERE id > '' ORDER BY id DESC LIMIT 1)
)
