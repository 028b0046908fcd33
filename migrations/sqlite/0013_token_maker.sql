-- Who had a token made: it does not work while that person is suspended. NULL: the command line, or made before this column.
ALTER TABLE api_token ADD COLUMN created_by TEXT REFERENCES person (id);
