-- To whom a device belongs; a forgotten one to nobody. $1 device.
SELECT d.owner FROM techdengue.device AS d WHERE d.device_id = $1 AND d.forgotten_at IS NULL
