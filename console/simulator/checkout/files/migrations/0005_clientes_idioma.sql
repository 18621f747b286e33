-- Paso 1: idioma preferido del cliente
ALTER TABLE clientes ADD COLUMN idioma CHAR(2) NOT NULL DEFAULT 'es';
