-- Does any operation wait to be sent?
SELECT EXISTS (SELECT 1 FROM operation WHERE state = 'pending')
