-- One index probe a lane, however much waits in each (a loose index scan).
WITH RECURSIVE lanes (lane) AS (
    SELECT (SELECT MIN(lane) FROM notifications WHERE state = 'waiting')
    UNION ALL
    SELECT (SELECT MIN(n.lane) FROM notifications AS n WHERE n.state = 'waiting' AND n.lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lane FROM lanes
WHERE lane IS NOT NULL AND EXISTS (
    SELECT 1 FROM notifications AS n WHERE n.state = 'waiting' AND n.lane = lanes.lane AND n.due_us <= ?
)
