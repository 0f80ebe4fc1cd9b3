-- The shortcodes of which a payment is due, and since when: one index probe a shortcode that has open payments, however
-- many it has (a loose index scan).
WITH RECURSIVE lanes (shortcode_id) AS (
    SELECT MIN(shortcode_id) FROM payments WHERE next_check_us IS NOT NULL
    UNION ALL
    SELECT (
        SELECT MIN(p.shortcode_id) FROM payments AS p
        WHERE p.next_check_us IS NOT NULL AND p.shortcode_id > lanes.shortcode_id
    )
    FROM lanes WHERE lanes.shortcode_id IS NOT NULL
),
page (shortcode_id, due_us) AS (
    SELECT shortcode_id, (
        SELECT MIN(p.next_check_us) FROM payments AS p
        WHERE p.next_check_us IS NOT NULL AND p.shortcode_id = lanes.shortcode_id
    )
    FROM lanes WHERE shortcode_id IS NOT NULL
)
SELECT shortcode_id, (SELECT environment FROM shortcodes AS s WHERE s.id = page.shortcode_id), due_us
FROM page WHERE due_us <= ?
