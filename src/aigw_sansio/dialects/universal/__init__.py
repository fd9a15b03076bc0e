"""The ``universal.*`` dialect (client protocol, section 3). ``PROTOCOL.md`` beside this file is its reference."""
