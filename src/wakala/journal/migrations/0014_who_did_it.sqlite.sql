-- Who did what happened to an endpoint: its app, the operator, the gateway. Of what happened before nobody knows any more.

ALTER TABLE endpoint_events ADD COLUMN done_by TEXT;
