import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import java.util.List;

/** Serves MongoDB's protocol on 127.0.0.1 at the port given (0: a free one), out of memory. */
public class MongoServerLauncher {
    /** What the library offers ends at wire version 8, and MongoDB's drivers of today begin at 9. */
    private static final MongoVersion VERSION = new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    };

    private MongoServerLauncher() {
    }

    public static void main(String[] args) {
        MongoServer server = new MongoServer(new IndexedBackend().version(VERSION));
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
        System.out.println(server.getConnectionString());
    }
}
