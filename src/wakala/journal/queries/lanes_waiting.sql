-- A page of the lanes in which something waits, from a cursor, and whether it is due: one index probe a lane, however
-- much waits in each (a loose index scan).
WITH RECURSIVE lanes (lane, place) AS (
    SELECT (SELECT MIN(lane) FROM notifications WHERE state = 'waiting' AND lane > ?), 1
    UNION ALL
    SELECT (SELECT MIN(n.lane) FROM notifications AS n WHERE n.state = 'waiting' AND n.lane > lanes.lane), place + 1
    FROM lanes WHERE lanes.lane IS NOT NULL AND place < ?
)
SELECT lane, (SELECT MIN(n.due_us) FROM notifications AS n WHERE n.state = 'waiting' AND n.lane = lanes.lane) <= ?
FROM lanes WHERE lane IS NOT NULL
