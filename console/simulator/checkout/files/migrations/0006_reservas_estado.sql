-- Paso 2: estado de la reserva e índice para el panel
ALTER TABLE reservas ADD COLUMN estado VARCHAR(20) NOT NULL DEFAULT 'confirmada';
CREATE INDEX idx_reservas_dia_estado ON reservas(dia, estado);
