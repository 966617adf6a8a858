CREATE TABLE customers (
    id serial PRIMARY KEY,
    full_name text,
    email text,
    phone text,
    card_number text,
    iban text,
    ssn text,
    profile jsonb,
    note text
);
INSERT INTO customers (full_name, email, phone, card_number, iban, ssn, profile, note) VALUES
    ('Maria Keller', 'maria.keller@example.org', '+49 30 901820', '4111 1111 1111 1111', 'DE89370400440532013000',
     '536-90-4399', '{"plan": "gold", "backup_email": "mk.private@example.net", "age": 41}',
     'Asked to be mailed at maria@keller.example; her script used key AKIAQ3EGSZ2UNL5HXW7P until May.'),
    ('Jonas Weber', 'jonas.weber@example.com', '+1 415 555 2671', '5500 0055 5555 5559', 'GB82WEST12345698765432',
     '212-09-9999', '{"plan": "basic", "backup_email": null, "age": 29}', 'Prefers to be called.'),
    ('Aiko Tanaka', 'aiko@example.jp', '+81 3 3570 8000', '3782 822463 10005', 'FR1420041010050500013M02606',
     '457-55-5462', '{"plan": "gold", "backup_email": "aiko.t@example.jp", "age": 35}', NULL);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int REFERENCES customers, amount numeric(10, 2), placed date);
INSERT INTO orders (customer_id, amount, placed) VALUES
    (1, 120.50, '2026-11-02'), (1, 19.99, '2026-11-12'), (2, 240.00, '2026-11-14'), (3, 75.25, '2026-11-20');
