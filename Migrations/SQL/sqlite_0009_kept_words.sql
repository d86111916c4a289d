-- By which rules secrets were taken out of what is kept (`record:` of the configuration).
CREATE TABLE kept_words (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  rules TEXT NOT NULL
) STRICT;
