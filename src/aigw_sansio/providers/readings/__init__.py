"""One module for each family of answer formats. :mod:`aigw_sansio.providers.reading` names them."""
