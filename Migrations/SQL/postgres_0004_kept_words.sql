-- By which rules secrets were taken out of what is kept (`record:` of the configuration).
CREATE TABLE kept_words (
  id bigint PRIMARY KEY CHECK (id = 1),
  rules text COLLATE "C" NOT NULL
);
