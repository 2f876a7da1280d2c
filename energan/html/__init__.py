"""Building blocks of HTML pages: charts, pictures, numbers for people. They know no game and no capability."""
