-- What every file of the set starts from.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE point3 AS (x integer, y numeric, label text);
CREATE TABLE people (
    id integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    email text,
    feeling mood DEFAULT 'ok',
    born date,
    salary numeric(10, 2) CHECK (salary >= 0),
    tags text[],
    profile jsonb
);
INSERT INTO people VALUES
    (1, 'Maria Keller', 'maria.keller@example.org', 'happy', '1985-02-28', 5100.00, '{a,b}', '{"plan": "gold"}'),
    (2, 'Jonas Weber', 'jonas.weber@example.com', 'sad', '1990-07-01', 4200.50, '{}', '{"plan": "basic", "n": [1, 2]}'),
    (3, 'Aiko Tanaka', NULL, 'ok', '1979-12-31', NULL, NULL, NULL),
    (4, E'O''Brien \\ "quoted"', 'ob@example.net', NULL, NULL, 0, '{"x y",NULL,"q\"q"}', '[]');
CREATE TABLE items (
    id serial PRIMARY KEY,
    person integer REFERENCES people,
    what text,
    price numeric(8, 2),
    quantity integer DEFAULT 1,
    total numeric GENERATED ALWAYS AS (price * quantity) STORED
);
INSERT INTO items (person, what, price, quantity) VALUES
    (1, 'book', 12.50, 2), (1, 'pen', 1.20, 10), (2, 'lamp', 40, 1), (3, 'chair', 99.99, 4), (NULL, 'gift', 5, 1);
CREATE INDEX items_what ON items (what);
CREATE VIEW rich AS SELECT id, name, salary FROM people WHERE salary > 5000;
