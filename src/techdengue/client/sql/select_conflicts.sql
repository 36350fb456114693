-- Which of the device's operations wait for a person, oldest first?
SELECT body FROM conflict ORDER BY rowid
