SELECT 'before';
BEGIN;
INSERT INTO people (id, name) VALUES (95, 'lost');
SELECT pg_terminate_backend(pg_backend_pid());
SELECT 'never';
