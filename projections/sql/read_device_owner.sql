-- To whom a device belongs. $1 device.
SELECT d.owner FROM techdengue.device AS d WHERE d.device_id = $1
