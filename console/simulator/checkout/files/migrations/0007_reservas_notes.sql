-- Paso 3: notas del cliente en la reserva. Aditiva: el código anterior ignora la columna.
ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);
CREATE INDEX idx_notes ON reservas(notes);
